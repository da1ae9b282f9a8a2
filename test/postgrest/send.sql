-- Sends the request in the variable "request" the way PostgREST does (see open.sql),
-- and prints it with the answer, the status, and what it left behind, if anything.

\set LAST_ERROR_SQLSTATE 00000
\set LAST_ERROR_MESSAGE ''
\set reply_body ''
\set reply_response_status ''
\set send_main ''
\set send_authenticated true
\set send_is_new false
\echo '>' :request
SELECT *, prepare <> '' AS is_new FROM regress_postgrest.statements(:'request') \gset send_
\if :show
    \echo :send_opening
    \echo :send_variables
    \if :send_is_new
        \echo :send_prepare
    \endif
    \echo :send_main
    \echo COMMIT
\endif
SELECT :'send_main' <> '' AS send_known \gset
\if :send_known
    :send_opening;
    :send_variables \g /dev/null
    \if :ERROR \elif :send_is_new
        :send_prepare;
    \endif
    \if :ERROR \else
        :send_main \gset reply_
    \endif
    COMMIT;
\endif
SELECT :'reply_body' <> '' AS reply_is_there \gset
\if :reply_is_there
    SELECT :answer;
\endif
\if :{?reply_response_status} \else
    \set reply_response_status ''
\endif
SELECT format('< %s%s', coalesce(nullif(:'reply_response_status', ''),
                                 regress_postgrest.status(:'LAST_ERROR_SQLSTATE', :'LAST_ERROR_MESSAGE', :'send_authenticated')),
              nullif(' ' || :'LAST_ERROR_SQLSTATE', ' 00000'));
SELECT 'wrong: left behind: ' || left_behind FROM regress_postgrest.left_behind();
SELECT 'wrong: a line break in the status line' WHERE :'LAST_ERROR_SQLSTATE' LIKE 'PT%' AND :'LAST_ERROR_MESSAGE' ~ '[[:cntrl:]]';
