"""Rules beside models: patterns of tokens, and lists of terms, found in whole batches at once."""

from pipekit.matching.matcher import Matcher as Matcher
from pipekit.matching.matcher import TokenMatch as TokenMatch
from pipekit.matching.phrases import PhraseMatcher as PhraseMatcher
from pipekit.matching.rules import pattern_tables as pattern_tables
