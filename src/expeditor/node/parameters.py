"""Values that the node has for a template's parameters."""

from expeditor.settings import Settings


def node_parameters(settings: Settings) -> dict[str, str]:
    """By parameter name; on AWS the template's defaults or the deployment's values stand instead.

    ``ExpeditorHome`` is empty on AWS, so a condition on it tells the two apart.
    """
    return {
        "ExpeditorHome": str(settings.home),
        "ShopPort": str(settings.shop_port),
        "AwsEndpointUrl": settings.endpoint_url,
    }
