"""gRPC: what the contract says, in terms of rules and store, and back."""
