"""Moves modules and renames names throughout the project, as tables say."""
