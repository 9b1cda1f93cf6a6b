"""Pieces that several screens draw. Whatever comes from a study passes through `markup` before it becomes HTML or Markdown."""
