"""A harness that crashes any part of the pipeline at seeded moments, and checks what is left.

``pipeline`` runs tap, loader and Meltano as processes; ``proxy`` stands on their two network connections;
``faults`` is what can happen to them; ``checks`` is what must hold afterwards; ``chain`` puts them together.
``python -m crash`` runs as many points as asked for (`make chaos`); the tests of this folder run a few.
"""
