"""Evenhand, the service: from gRPC (`rpc`) through the rules (`rules`) to the store (`store`) and its Lua, and back."""
