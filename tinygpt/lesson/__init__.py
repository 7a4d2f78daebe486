"""What notebooks need."""
