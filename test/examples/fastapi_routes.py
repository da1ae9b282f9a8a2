"""A client of the FastAPI service moves over: its routes, statuses and documents, through nginx.

fastapi_routes.py WORKSPACE

What the service answered is written down here: the keys of its documents and their types, the
statuses, and that an error is {"detail": ...}. A document may have more keys, and no others.
"""

import atexit
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import postgrest

workspace = pathlib.Path(sys.argv[1])
number = 0
failed = False


def report(ok, name, shown=''):
    global number, failed
    number += 1
    print('ok' if ok else 'not ok', number, '-', name)
    if not ok:
        failed = True
        print('#', shown)


def free_port():
    with socket.socket() as it:
        it.bind(('127.0.0.1', 0))
        return it.getsockname()[1]


def wait_for(port):
    for _ in range(100):
        try:
            return socket.create_connection(('127.0.0.1', port)).close()
        except OSError:
            time.sleep(0.1)
    sys.exit(f'nothing listens on port {port}')


def start(*command):
    program = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(program.wait)
    atexit.register(program.terminate)


def start_postgrest(port):
    program = workspace / 'postgrest'
    if not program.exists():
        threading.Thread(target=postgrest.server(port).serve_forever, daemon=True).start()
        return
    configuration = workspace / 'fastapi.conf'
    configuration.write_text(f'''
db-uri = "host={os.environ['PGHOST']} port={os.environ['PGPORT']} user=authenticator dbname=postgres"
db-schemas = "ecommerce_api"
db-anon-role = "anonymous"
db-pre-request = "fastapi_routes.pre_request"
jwt-secret = "{postgrest.SECRET.decode()}"
server-host = "127.0.0.1"
server-port = {port}
''')
    start(program, configuration)


def start_nginx(port, upstream):
    folder = workspace / 'nginx'
    folder.mkdir(exist_ok=True)
    server = pathlib.Path('examples/fastapi-routes/nginx.conf').read_text()
    server = server.replace('127.0.0.1:3000', f'127.0.0.1:{upstream}').replace('127.0.0.1:8000', f'127.0.0.1:{port}')
    paths = ''.join(f'{kind}_temp_path {folder}/{kind};\n' for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    (folder / 'nginx.conf').write_text(f'''daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ }}
http {{
access_log off;
{paths}{server}}}
''')
    start('/usr/sbin/nginx', '-p', folder, '-c', folder / 'nginx.conf')


port = free_port()
upstream = free_port()
start_postgrest(upstream)
start_nginx(port, upstream)
wait_for(upstream)
wait_for(port)


def send(method, path, authorization=None, body=None, **headers):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
    if authorization:
        headers['Authorization'] = 'Bearer ' + authorization
    connection.request(method, path, body=body, headers={name.replace('_', '-'): value for name, value in headers.items()})
    response = connection.getresponse()
    text = response.read().decode()
    try:
        return response.status, json.loads(text) if text else None
    except ValueError:
        return response.status, text


# The keys of a document, and the types of their values.
product = {'id': int, 'name': str, 'quantity': int, 'description': str, 'price': (int, float)}
category = {'id': int, 'name': str}
listed_product = product | {'category': category}
cart = {'id': int, 'cart_items': [{'id': int, 'products': product | {'category_id': int}, 'created_date': str}]}
order = {'id': int, 'order_date': str, 'order_amount': (int, float), 'order_status': str, 'shipping_address': str,
         'order_details': [{'id': int, 'order_id': int, 'product_order_details': listed_product}]}


def fits(document, expected):
    if isinstance(expected, dict):
        return isinstance(document, dict) and all(key in document and fits(document[key], it) for key, it in expected.items())
    if isinstance(expected, list):
        return isinstance(document, list) and all(fits(it, expected[0]) for it in document)
    return isinstance(document, expected)


def expect(status, document, method, path, authorization=None, name=None, **options):
    got = send(method, path, authorization, **options)
    report(got[0] == status and (document is None and got[1] is None or document is not None and fits(got[1], document)),
           name or f'{method} {path} is {status}', got)
    return got[1]


report(not fits({'id': 1}, category) and not fits([{'id': 'x', 'name': 'y'}], [category]) and fits([], [category]), 'a document that does not fit is seen')
error = {'detail': str}
john = postgrest.token({'sub': 'John@Example.com', 'exp': int(time.time()) + 1800})
stranger = postgrest.token({'sub': 'nobody@example.com'})
staff = postgrest.token({'role': 'staff', 'sub': 'john@example.com'})

got = expect(200, [listed_product], 'GET', '/products/')
report(len(got) == 2 and got[0]['category'] == {'id': 1, 'name': 'MobilePhones'}, 'with their category', got)
got = expect(200, [category], 'GET', '/products/category')
report([it['name'] for it in got] == ['MobilePhones', 'Electronics'], 'of the categories', got)

got = expect(200, cart, 'GET', '/cart/', john)
report(got['cart_items'] == [], 'the cart is empty', got)
got = expect(404, error, 'POST', '/orders/', john, name='an empty cart is not ordered')
got = expect(200, [order], 'GET', '/orders/', john)
report(got == [], 'there are no orders', got)
expect(201, {}, 'GET', '/cart/add?product_id=1', john)
expect(201, {}, 'GET', '/cart/add?product_id=2', john)
got = expect(200, cart, 'GET', '/cart', john, name='the path without its last slash')
report([it['id'] for it in got['cart_items']] == [1, 2], 'both are in the cart', got)
expect(204, None, 'DELETE', '/cart/2', john)
got = expect(200, cart, 'GET', '/cart/', john)
report([it['id'] for it in got['cart_items']] == [1], 'one is in the cart', got)
got = expect(201, order, 'POST', '/orders/', john, Idempotency_Key='a-1')
report(got['order_amount'] == 1600 and got['order_status'] == 'PROCESSING', 'it is ordered', got)
got = expect(200, order, 'POST', '/orders/', john, Idempotency_Key='a-1', name='an order that is repeated with its key')
report(got['replayed'] is True, 'is the same', got)
expect(201, {}, 'GET', '/cart/add?product_id=2', john)
expect(201, order, 'POST', '/orders/', john, body='{"anything": "else"}', name='POST /orders/ takes no body')
got = expect(200, [order], 'GET', '/orders/', john)
report(len(got) == 2, 'there are two orders', got)

expect(404, error, 'GET', '/cart/add?product_id=99', john)
expect(422, error, 'GET', '/cart/add?product_id=one', john)
expect(422, error, 'GET', '/cart/add?product_id=1,%22quantity%22:9', john, name='no argument comes in with another')
expect(422, error, 'GET', '/cart/add', john)
expect(405, error, 'POST', '/cart/add?product_id=1', john)
expect(405, error, 'GET', '/cart/1', john)
expect(404, error, 'GET', '/rpc/place_order', john, name='what is behind the routes is not there')
expect(404, error, 'GET', '/anything')
expect(401, error, 'GET', '/cart/', name='GET /cart/ without a token is 401')
expect(401, error, 'POST', '/orders/', name='POST /orders/ without a token is 401')
expect(401, error, 'GET', '/cart/', john + 'x', name='a forged token is 401')
got = expect(401, error, 'GET', '/cart/', stranger, name='a token of nobody is 401')
report(got['detail'] == 'Could not validate credentials', 'and says so', got)
expect(403, error, 'GET', '/cart/', staff, name='a token with a role of its own keeps it')

people = subprocess.run(['psql', '-XAtc', 'SELECT string_agg(DISTINCT person, \' \') FROM ecommerce.order_events'],
                        capture_output=True, text=True, check=True).stdout.strip()
report('@' not in people, 'no address gets into the history', people)

print(f'1..{number}')
sys.exit(failed)
