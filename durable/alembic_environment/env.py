"""What Alembic runs for an upgrade (durable/history.py): on the caller's transaction, no other."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
