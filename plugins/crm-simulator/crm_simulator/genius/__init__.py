"""A made-up Genius CRM: its MySQL tables, seeded data with every oddity of the real ones, and days that pass."""

from crm_simulator.genius.bulk import generate_prospects
from crm_simulator.genius.day import pass_a_day
from crm_simulator.genius.schema import STREAMS, TABLES, create_schema
from crm_simulator.genius.seeding import NOW, seed

__all__ = ["NOW", "STREAMS", "TABLES", "create_schema", "generate_prospects", "pass_a_day", "seed"]
