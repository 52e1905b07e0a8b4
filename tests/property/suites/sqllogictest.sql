-- The shapes of SQLite's sqllogictest: random aggregates with signs and spaces, and its hand-made selects.

-- answered
SELECT - COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT COUNT ( 3 ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT ALL + 62 * COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT + COUNT ( * ) * - 95 AS col1, - 3 + COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT ( - SUM ( ALL b.days ) ) / + 2.5 AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM ( - b.days ) + - COUNT ( * ) * 12 AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT AVG ( ALL - + b.days ) AS col2 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT - - 75 + + SUM ( b.balance ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days > + - 10;

-- answered
SELECT COUNT ( ALL b.balance ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE NOT b.balance BETWEEN - 30 AND + 4000;

-- answered
SELECT r.capital AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.capital;

-- answered
SELECT - r.capital AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.capital;

-- answered
SELECT r.capital * - 3 + COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.capital;

-- answered
SELECT r.capital AS col1 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.capital HAVING NOT r.capital IS NULL;

-- answered
SELECT r.capital AS col1 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.capital HAVING NOT - r.capital + 2 > - SUM ( b.days );

-- answered
SELECT SUM ( b.days ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE NOT ( b.days ) IN ( + 3, - 77, b.days );

-- answered
SELECT SUM ( b.days ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE ( - b.days ) <> + 3;

-- answered
SELECT SUM ( b.days + - b.days * 2 + 1 ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM ( b.days ) - SUM ( b.days + 1 ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM ( CASE WHEN NOT b.days < 3 THEN - b.days ELSE 18 END ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM ( CASE - b.days WHEN - 3 THEN 4 WHEN + b.days THEN 5 END ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT COUNT ( CASE b.days WHEN 100 THEN NULL ELSE 1 END ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM ( NULLIF ( b.days, - b.days ) ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM ( COALESCE ( NULLIF ( b.balance, 3 ), b.days * - 1, 4 ) ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT MAX ( b.days ) * - 2 AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT MIN ( ALL - b.days ) AS col0, - MAX ( b.days ) AS col1 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM ( b.days ) * SUM ( b.days ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM ( b.days ) / - COUNT ( * ) * COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days = b.days;

-- answered
SELECT COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE - b.days >= b.balance;

-- answered
SELECT COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days * 2 BETWEEN b.days AND b.days + 100 OR NOT b.balance IS NULL;

SELECT COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days + NULL > 3 OR b.days > 5;

SELECT DISTINCT - COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT - 53 AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT NULL AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT CAST ( NULL AS INTEGER ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT CAST ( SUM ( b.days ) AS REAL ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM ( b.days ) DIV 3 AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT COUNT ( * ) AS col0 FROM bank.loans AS cor0 CROSS JOIN bank.loans AS cor1;

SELECT COUNT ( * ) FROM bank.loans AS cor0 , tax.returns cor1;

SELECT * FROM bank.loans WHERE NOT NULL IS NOT NULL;

SELECT SUM ( 33 ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT MAX ( DISTINCT 44 ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT COUNT ( DISTINCT - 3 ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT b.days + 3 AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM ( b.days ) IN ( ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days IN ( );

SELECT COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE NULL BETWEEN b.days AND 3;

SELECT COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE NULL IN ( b.days );

SELECT COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days IS NOT 3;

SELECT COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days + 1 IS NULL;

SELECT COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE NOT b.days;

SELECT COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days = TRUE;

SELECT COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE ( SELECT 3 ) > b.days;

SELECT a1, b1, c1 FROM t1, t2, t3 WHERE a1 = b2 AND c1 = 5;

SELECT x1 FROM t1 JOIN t2;

SELECT (a+b+c+d+e)/5 FROM t1 ORDER BY 1;

SELECT abs(a), b-c FROM t1 WHERE c > d AND b > c ORDER BY 2,1;

SELECT CASE WHEN c>(SELECT avg(c) FROM t1) THEN a*2 ELSE b*10 END FROM t1 ORDER BY 1;

SELECT pk FROM tab0 WHERE ((col3 > 45)) ORDER BY 1 DESC;

SELECT COUNT ( * ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE EXISTS ( SELECT 1 );

SELECT SUM ( b.days ) AS col0 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) ORDER BY;

SELECT SUM ( b.days ) AS FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM ( ) AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT COUNT ( ) AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT COUNT ( *, 1 ) AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT COUNT ( b.* ) AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM ( * ) AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM ( b.days, 2 ) AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT AVG ( b.days b.days ) AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);
