"""Every op once more, slowly: loops over single numbers, from the formula, sharing no code."""
