"""The paper's own tables: recomputed, recovered and judged.

Pages: tables, figures, digits, recovery, caveats, last_k.
"""
