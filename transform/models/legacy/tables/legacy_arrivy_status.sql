-- Made by `make models` from transform/legacy_tables.yml; do not edit.
{{ config(alias='arrivy_status') }}
select
    "id" as "id",
    "name" as "name",
    "title" as "title",
    "description" as "description",
    "is_active" as "is_active",
    "type_id" as "type_id",
    "status_type" as "status_type",
    "order" as "order",
    "visible_to_customer" as "visible_to_customer",
    "require_signature" as "require_signature",
    "require_rating" as "require_rating",
    "color" as "color",
    "created" as "created",
    "updated" as "updated",
    _sdc_extracted_at as sync_created_at,
    _sdc_batched_at as sync_updated_at
from {{ ref('stg_arrivy__statuses') }}
