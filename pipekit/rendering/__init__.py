"""Annotated texts, trees and tables as HTML and SVG, without JavaScript.

This room knows nothing of documents: it draws the plain structures of `passages`.
"""
