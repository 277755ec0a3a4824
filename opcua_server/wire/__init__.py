"""OPC UA binary on the hot paths, by struct and numpy; all else goes through asyncua's codec."""
