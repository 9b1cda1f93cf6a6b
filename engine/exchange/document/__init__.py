"""The report to carry to a meeting, as a document: built here once, written as a page, as Markdown and as images elsewhere."""
