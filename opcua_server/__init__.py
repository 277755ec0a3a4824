"""The simulated plant, served as OPC UA."""
