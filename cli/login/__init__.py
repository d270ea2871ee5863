"""Signing in with an OpenID provider, in the browser of this machine or of another one."""
