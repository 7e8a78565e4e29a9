"""Conversations, the templates that write one as text, and what a chat model learns of it."""
