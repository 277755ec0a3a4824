"""The front door: the `cstr-gateway` command and the all-in-one run."""
