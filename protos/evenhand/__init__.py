"""Evenhand for its callers: `v1` has the messages and stubs of the contract, `testing` a real service for tests."""
