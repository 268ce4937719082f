"""What QGIS makes of a result, as JSON; run by QGIS's own Python: qgis_layers.py FOLDER."""

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import QgsApplication, QgsRasterLayer, QgsVectorLayer


def vector(source, name):
    layer = QgsVectorLayer(source, name, "ogr")
    layer.loadDefaultStyle()
    renderer = layer.renderer()
    kinds = {}
    if renderer and renderer.type() == "categorizedSymbol":
        for entry in renderer.categories():
            symbol = entry.symbol()
            layers = [symbol.symbolLayer(n) for n in range(symbol.symbolLayerCount())]
            kinds[entry.label()] = [
                layers[0].fillColor().name(), layers[-1].brushStyle() if len(layers) > 1 else 0,
            ]  # fmt: skip
    return {
        "valid": layer.isValid(), "features": layer.featureCount(), "crs": layer.crs().authid(),
        "fields": [field.name() for field in layer.fields()],
        "renderer": renderer.type() if renderer else None, "kinds": kinds,
    }  # fmt: skip


def raster(path):
    layer = QgsRasterLayer(path, "layer")
    renderer = layer.renderer()
    entries = renderer.classes() if renderer.type() == "paletted" else []
    return {
        "valid": layer.isValid(), "renderer": renderer.type(), "crs": layer.crs().authid(),
        "classes": {int(entry.value): [entry.label, entry.color.name()] for entry in entries},
        "bands": [layer.bandName(n + 1) for n in range(layer.bandCount())],
    }  # fmt: skip


if __name__ == "__main__":
    folder = sys.argv[1]
    application = QgsApplication([], False)
    application.initQgis()
    package = os.path.join(folder, "changes.gpkg")
    found = {
        "raster": raster(os.path.join(folder, "changes.tif")),
        "probability": raster(os.path.join(folder, "probability.tif")),
        "geojson": vector(os.path.join(folder, "buildings.geojson"), "buildings"),
        **{
            name: vector(f"{package}|layername={name}", name)
            for name in ("changes", "buildings", "not_seen", "site")
        },
    }
    print(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)  # QGIS without a screen often crashes on its way out
