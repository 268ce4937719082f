"""What QGIS makes of a result, as JSON; run by QGIS's own Python: qgis_layers.py FOLDER."""

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import QgsApplication, QgsRasterLayer, QgsVectorLayer


def vector(path, name):
    layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr")
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
    layer = QgsRasterLayer(path, "codes")
    renderer = layer.renderer()
    classes = {int(entry.value): [entry.label, entry.color.name()] for entry in renderer.classes()}
    return {"valid": layer.isValid(), "renderer": renderer.type(), "classes": classes}


if __name__ == "__main__":
    folder = sys.argv[1]
    application = QgsApplication([], False)
    application.initQgis()
    package = os.path.join(folder, "changes.gpkg")
    found = {
        "raster": raster(os.path.join(folder, "changes.tif")),
        **{name: vector(package, name) for name in ("changes", "buildings", "not_seen", "site")},
    }
    print(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)  # QGIS without a screen often crashes on its way out
