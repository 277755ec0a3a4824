"""The PID client: reads T and Ca over OPC UA, writes Tc."""
