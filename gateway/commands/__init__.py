"""The subcommands of `cstr-gateway`, one file for each group; heavy imports stand inside the functions."""
