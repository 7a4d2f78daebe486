"""Measurements against others, side by side on the same machine."""
