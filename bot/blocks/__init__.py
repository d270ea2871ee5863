"""Messages, views and their parts as Block Kit: pure functions from facts to what Slack shows."""
