"""The all-in-one run: the services and embedded servers as supervised child processes."""
