"""A study's database: who may use it when, its schema, its rows and its SQL. Imports nothing of the engine or the app."""

from db.connect import connect, create_study, transaction
from db.inserting import insert
from db.queries import query

__all__ = ["connect", "create_study", "insert", "query", "transaction"]
