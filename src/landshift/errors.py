"""Everything landshift raises on purpose.

LandshiftError
├── InputError         what the user handed us cannot be used
│   ├── SiteError        the site file or its polygon
│   ├── ImageError       an image file, its bands or its CRS
│   │   └── FetchError     an image that lies elsewhere and was not to be had
│   ├── ModelError       a model file, or a model that does not fit the image's bands
│   └── SettingsError    a threshold out of its range
├── ComparisonError    the input is fine, but no answer can be trusted
│   ├── NoOverlapError   the images do not both cover the site
│   ├── AlignmentError   the images could not be co-registered
│   └── UnfitPairError   the pair is not fit to answer the question
└── OutputError        the answer could not be written

A message says what, where, found, allowed; lower case, no full stop, values with units.
A programmer's mistake stays a ``ValueError``.
"""


class LandshiftError(Exception):
    """Anything that landshift raises on purpose."""


class InputError(LandshiftError):
    """What the user handed us cannot be used."""


class SiteError(InputError):
    """The site file or its polygon cannot be used."""


class ImageError(InputError):
    """An image file, its bands or its CRS cannot be used."""


class FetchError(ImageError):
    """An image that lies elsewhere was not to be had."""


class ModelError(InputError):
    """A model file cannot be used, or does not fit the image."""


class SettingsError(InputError):
    """A setting is out of its range."""


class ComparisonError(LandshiftError):
    """The input is fine, but no answer can be trusted."""


class NoOverlapError(ComparisonError):
    """The images do not both cover the site."""


class AlignmentError(ComparisonError):
    """The images could not be co-registered."""


class UnfitPairError(ComparisonError):
    """The pair is not fit to answer the question."""


class OutputError(LandshiftError):
    """The answer could not be written."""
