"""The signers' side of the tests of signatures; none of it is code under test."""
