"""The paper's claims, each judged by a rule from all result tables (page: index)."""
