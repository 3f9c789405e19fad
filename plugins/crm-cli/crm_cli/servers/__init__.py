"""Local servers that need no installation: the embedded Postgres and a private MariaDB.

They listen on the loopback interface only, keep everything in one folder, survive the process that started
them, and never run as root.
"""
