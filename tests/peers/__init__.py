"""Other people's programs, and stand-ins for what none of them does on demand."""
