"""The forms in which models are asked for answers, and the translations between them. Pure functions over values."""
