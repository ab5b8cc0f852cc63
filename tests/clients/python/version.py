# The version of an installed package.
import sys
from importlib.metadata import version

print(version(sys.argv[1]))
