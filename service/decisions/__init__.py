"""The use cases: what is asked, checked, decided and configured. Knows no transport."""
