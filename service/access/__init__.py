"""Access: who may do what in which workspace, by a file. Knows no gRPC: `rpc` hands over what a caller shows."""
