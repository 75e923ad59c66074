"""Which rule takes a contact: rules prepared once a revision, compiled when an event comes to them. No I/O."""
