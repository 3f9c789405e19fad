-- Made by `make models` from the tap's schemas; do not edit.
{{ config(unique_key=['id']) }}
{{ staging('callrail', 'text_messages', {
    'account_id': 'text',
    'id': 'text',
    'conversation_id': 'text',
    'company_id': 'text',
    'direction': 'text',
    'tracking_phone_number': 'text',
    'customer_phone_number': 'text',
    'message': 'text',
    'sent_at': 'timestamptz',
    'status': 'text',
    'message_type': 'text',
    'media_urls': 'jsonb',
    'sms_thread_id': 'text',
},
    phones=["tracking_phone_number", "customer_phone_number"]) }}
