"""A stand-in for PostgREST: what a request of examples/ becomes in the database, and its answer.

It sends the statements that PostgREST sends (test/postgrest/open.sql has all of them): settings,
the pre-request function, the call, in one transaction of the role "authenticator".
"""

import base64
import hmac
import http.server
import json
import urllib.parse

import psycopg2

SECRET = b'a secret of the login service, of 32 characters and more'


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=')


def token(claims):
    unsigned = base64url(b'{"alg":"HS256","typ":"JWT"}') + b'.' + base64url(json.dumps(claims).encode())
    return (unsigned + b'.' + base64url(hmac.digest(SECRET, unsigned, 'sha256'))).decode()


def claims_of(authorization):
    unsigned, _, signature = authorization.removeprefix('Bearer ').rpartition('.')
    if base64url(hmac.digest(SECRET, unsigned.encode(), 'sha256')).decode() != signature:
        return None
    payload = unsigned.partition('.')[2]
    return json.loads(base64.urlsafe_b64decode(payload + '=' * (-len(payload) % 4)))


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        self.send_response(status)
        if status != 204:
            self.send_header('Content-Type', 'application/json; charset=utf-8')
            self.send_header('Content-Length', str(len(body.encode())))
        self.end_headers()
        if status != 204:
            self.wfile.write(body.encode())

    def handle_request(self):
        url = urllib.parse.urlsplit(self.path)
        arguments = dict(urllib.parse.parse_qsl(url.query))
        if self.command == 'POST':
            arguments = json.loads(self.rfile.read(int(self.headers.get('Content-Length', 0))))
        authorization = self.headers.get('Authorization')
        claims = claims_of(authorization) if authorization else {}
        if claims is None:
            error = {'code': 'PGRST301', 'details': None, 'hint': None, 'message': 'JWT is invalid'}
            return self.answer(401, json.dumps(error))
        role = claims.setdefault('role', 'anonymous')
        headers = {name.lower(): value for name, value in self.headers.items()}
        if url.path.startswith('/rpc/'):
            query = 'SELECT ecommerce_api."{}"({})'.format(
                url.path[5:], ', '.join(f'"{name}" := %({name})s' for name in arguments))
        else:
            query = 'SELECT coalesce(json_agg(it), \'[]\') FROM (SELECT * FROM ecommerce_api."{}" ORDER BY {}) AS it'.format(
                url.path[1:], arguments.get('order', '1'))
        connection = psycopg2.connect(user='authenticator', dbname='postgres')
        try:
            cursor = connection.cursor()
            if self.command == 'GET':
                cursor.execute('SET TRANSACTION READ ONLY')
            cursor.execute("""SELECT set_config('search_path', '"ecommerce_api", "public"', true), set_config('role', %s, true),
                                     set_config('request.jwt.claims', %s, true), set_config('request.method', %s, true),
                                     set_config('request.path', %s, true), set_config('request.headers', %s, true)""",
                           (role, json.dumps(claims), self.command, url.path, json.dumps(headers)))
            cursor.execute('SELECT fastapi_routes.pre_request()')
            cursor.execute(f"SELECT ({query})::text, nullif(current_setting('response.status', true), '')",
                           {name: None if value is None else str(value) for name, value in arguments.items()})
            body, status = cursor.fetchone()
            connection.commit()
            self.answer(int(status or 200), body)
        except psycopg2.Error as error:
            code = error.pgcode
            status = int(code[2:]) if code.startswith('PT') else {'42501': 403 if authorization else 401, '25006': 405}.get(code, 400)
            self.answer(status, json.dumps({'code': code, 'details': error.diag.message_detail,
                                            'hint': error.diag.message_hint, 'message': error.diag.message_primary}))
        finally:
            connection.close()

    do_GET = do_POST = do_DELETE = handle_request

    def log_message(self, *arguments):
        pass


def server(port):
    return http.server.ThreadingHTTPServer(('127.0.0.1', port), Handler)
