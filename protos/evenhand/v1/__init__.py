"""The contract `evenhand.v1`: each `.proto` file beside this one as `*_pb2` (messages) and `*_pb2_grpc` (stubs)."""
