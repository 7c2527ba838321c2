"""The encoder, its attribute experts and their router, the prompts, and the model that puts them together."""
