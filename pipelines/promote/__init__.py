"""From a study's finals to the model in use: gate, promotion, the way back, and the list."""
