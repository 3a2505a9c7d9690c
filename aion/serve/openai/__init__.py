"""The OpenAI API: what its requests may hold, and what its replies look like."""
