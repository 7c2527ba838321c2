"""Do the intervals that the pages print hold what they say? Judged on data whose truth is known (page: robust)."""
