"""How the documentation is built: ``sphinx-build -W docs build/docs``, without a network."""

from importlib.metadata import version as version_of

project = "landshift"
copyright = "the landshift authors, Apache-2.0"
release = version = version_of("landshift")
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
html_theme = "alabaster"
html_theme_options = {
    "description": "What was built there, what did it replace, and how many hectares?",
    "page_width": "64rem",
    "sidebar_width": "15rem",
    "fixed_sidebar": False,
}
html_static_path = ["_static"]
html_css_files = ["phone.css"]
html_show_sourcelink = False
