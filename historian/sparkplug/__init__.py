"""Sparkplug B: the historian as an edge node, its reactors as devices (Eclipse Sparkplug 3.0)."""
