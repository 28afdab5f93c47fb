"""What operating a target needs: its health, maintenance, rollback, backups, reports and costs.

Decisions are pure functions on what event logs, Delta's log and files say; what changes a table
takes the lock of the pipeline that made it. Starts no JVM. What does not live here: running an
update (`engine`), judging limits (`quality`), and printing (`cli`).
"""
