"""Who may connect, and how: policies, endpoints, secure channels, identity tokens."""
