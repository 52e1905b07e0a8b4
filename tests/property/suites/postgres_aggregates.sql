-- The shapes of PostgreSQL's regression tests of aggregates, CASE, HAVING, LIMIT, NULL and numbers.

-- answered
SELECT AVG(b.days) AS avg_1 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT AVG(b.days) AS avg_32 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days < 100;

-- answered
SELECT SUM(b.days) AS sum_1500, SUM(b.balance) AS avg_431_773 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT MAX(b.days) AS m, MIN(b.days) AS l FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT STDDEV_POP(b.balance) AS a, STDDEV_SAMP(b.balance) AS c, VAR_POP(b.balance) AS d, VAR_SAMP(b.balance) AS e FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT STDDEV(b.days) AS a, VARIANCE(b.days) AS c FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT VAR_POP(1.0), VAR_SAMP(2.0) FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT STDDEV_POP('NaN') AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM('Infinity') AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT AVG('nan') AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM(NULL) AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT AVG(NULL) AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT COUNT(b.class) AS cnt_1000 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT COUNT(b.balance) AS c, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.balance IS NULL;

SELECT COUNT(DISTINCT b.class) AS cnt_4 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT b.class, COUNT(*) AS n, SUM(b.days) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class ORDER BY b.class;

SELECT b.class, COUNT(b.days), SUM(DISTINCT b.days) FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class ORDER BY b.class;

SELECT newcnt(b.days) AS cnt_1000 FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT BIT_AND(b.days) AS x, BIT_OR(b.days) AS y, BIT_XOR(b.days) AS z FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT BOOL_AND(b.open) AS x, BOOL_OR(b.open) AS y, EVERY(b.open) AS z FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT REGR_COUNT(b.days, b.balance), COVAR_POP(b.days, b.balance), CORR(b.days, b.balance) FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT STRING_AGG(b.class, ',') AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT ARRAY_AGG(b.days ORDER BY b.days) AS a FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY b.days) AS p FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT QUANTILE_CONT(b.days, 0.5) AS p, QUANTILE_DISC(b.days, 0.5) AS d FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT MODE() WITHIN GROUP (ORDER BY b.days) AS m FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT RANK(3) WITHIN GROUP (ORDER BY b.days) AS r FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT COUNT(*) FILTER (WHERE b.days > 100) AS c FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM(b.days) FILTER (WHERE b.days > 100) AS c FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT MIN(b.class) AS lo, MAX(b.class) AS hi FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT ANY_VALUE(b.class) AS a FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT b.open, AVG(b.days) AS a FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.open HAVING AVG(b.days) > 10;

-- answered
SELECT b.open, b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.open, b.class HAVING COUNT(*) = 1 ORDER BY b.open, b.class;

-- answered
SELECT b.open, b.class FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.open, b.class HAVING b.open = FALSE ORDER BY b.class;

-- answered
SELECT b.class, MAX(b.days) AS m FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class HAVING COUNT(*) > 2 OR MIN(b.days) = MAX(b.days) ORDER BY b.class;

-- answered
SELECT MIN(b.days) AS lo, MAX(b.days) AS hi FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) HAVING MIN(b.days) = MAX(b.days);

-- answered
SELECT MIN(b.days) AS lo, MAX(b.days) AS hi FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) HAVING MIN(b.days) < MAX(b.days);

SELECT b.days FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) HAVING MIN(b.days) < MAX(b.days);

SELECT 1 AS one FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) HAVING b.days > 1;

SELECT 1 AS one FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) HAVING 1 > 2;

SELECT 1 AS one FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) HAVING 1 < 2;

SELECT 1 AS one FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE 1 / b.days = 1 HAVING 1 < 2;

-- answered
SELECT SUM(CASE WHEN b.days < 100 THEN 1 ELSE 0 END) AS a, SUM(CASE WHEN b.days >= 100 THEN 1 ELSE 0 END) AS o FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT CASE WHEN b.days < 100 THEN b.days WHEN b.days < 200 THEN b.days * 2 ELSE 0 END AS a, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY a;

-- answered
SELECT SUM(CASE b.class WHEN '正常' THEN b.balance WHEN '关注' THEN -b.balance END) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT CASE WHEN 1 < 2 THEN 3 END AS three, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY three;

SELECT SUM(CASE WHEN 1 = 0 THEN 1 / 0 WHEN 1 = 1 THEN 1 ELSE 2 / 0 END) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM(CASE 'a' WHEN 'a' THEN 1 ELSE 2 END) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM(COALESCE(b.balance, b.days)) AS s, SUM(NULLIF(b.days, 0)) AS z FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM(COALESCE(b.balance, NULL, 7)) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class IS NULL GROUP BY b.class;

-- answered
SELECT b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class IS NOT NULL AND b.class <> '' GROUP BY b.class;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class IS DISTINCT FROM '正常';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.open IS TRUE;

-- answered
SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.open IS UNKNOWN;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class = NULL;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE NULL;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE TRUE;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE 1 = 1;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE 't';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days;

-- answered
SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.open;

-- answered
SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE NOT b.open AND NOT (NOT r.listed);

-- answered
SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days NOT BETWEEN 50 AND 150;

-- answered
SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days BETWEEN 150 AND 50;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days BETWEEN SYMMETRIC 150 AND 50;

-- answered
SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class LIKE '_常' OR b.class LIKE '%''%';

-- answered
SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class NOT LIKE '%注';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class ILIKE 'IT%';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class LIKE 'it!%' ESCAPE '!';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class SIMILAR TO 'it%';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class ~ '^it';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE (b.days, b.balance) = (1, 2);

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE ROW(b.days, b.balance) > ROW(1, 2);

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days = ANY (SELECT late FROM tax.returns);

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days > ALL (SELECT late FROM tax.returns);

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days IN (SELECT late FROM tax.returns);

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days = ANY (ARRAY[1, 2]);

-- answered
SELECT r.industry, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.industry ORDER BY n DESC, r.industry LIMIT 2;

-- answered
SELECT r.industry, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.industry ORDER BY r.industry LIMIT 2 OFFSET 1;

-- answered
SELECT r.industry, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.industry ORDER BY r.industry OFFSET 2;

-- answered
SELECT r.industry, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.industry ORDER BY r.industry LIMIT 0;

SELECT r.industry, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.industry ORDER BY r.industry LIMIT ALL;

SELECT r.industry, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.industry ORDER BY r.industry LIMIT NULL;

SELECT r.industry, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.industry ORDER BY r.industry LIMIT (1 + 1);

SELECT r.industry, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.industry ORDER BY r.industry LIMIT -1;

SELECT r.industry, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY r.industry ORDER BY r.industry FETCH FIRST 2 ROWS WITH TIES;

-- answered
SELECT b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class ORDER BY b.class NULLS FIRST;

-- answered
SELECT b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class ORDER BY b.class DESC NULLS LAST;

-- answered
SELECT b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class ORDER BY 2 DESC, 1 ASC;

SELECT b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class ORDER BY b.class USING <;

SELECT b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class ORDER BY 3;

SELECT b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY 2;

-- answered
SELECT b.class AS c, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY 1;

SELECT b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY ();

SELECT b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY ROLLUP (b.class);

SELECT b.class, b.open, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY CUBE (b.class, b.open);

SELECT b.class, b.open, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY GROUPING SETS ((b.class), (b.open), ());

SELECT b.class, GROUPING(b.class) AS g FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY ALL;

SELECT b.class, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY DISTINCT b.class;

SELECT DISTINCT ON (b.class) b.class, b.days FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT b.class, b.days, COUNT(*) FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT SUM(SUM(b.days)) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT AVG(COUNT(*)) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE SUM(b.days) > 3;

SELECT b.class, SUM(b.days) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class, SUM(b.days);

SELECT SUM(b.days) OVER () AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT b.class, SUM(SUM(b.days)) OVER (ORDER BY b.class) AS s FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

SELECT COUNT(*) AS n FROM bank.loans AS b CROSS JOIN registry.firms AS r;

SELECT COUNT(*) AS n FROM bank.loans AS b NATURAL JOIN tax.returns AS t;

SELECT COUNT(*) AS n FROM bank.loans AS b FULL JOIN tax.returns AS t USING (uscc);

SELECT COUNT(*) AS n FROM bank.loans AS b RIGHT JOIN tax.returns AS t USING (uscc);

SELECT COUNT(*) AS n FROM (bank.loans AS b JOIN tax.returns AS t USING (uscc)) AS j;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN LATERAL (SELECT * FROM tax.returns AS t WHERE t.uscc = b.uscc) AS x ON TRUE;

SELECT COUNT(*) AS n FROM generate_series(1, 3) AS g JOIN bank.loans AS b ON TRUE;

SELECT COUNT(*) AS n FROM (VALUES (1), (2)) AS v (uscc) JOIN bank.loans AS b USING (uscc);

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN bank.loans AS c USING (uscc);

SELECT COUNT(*) AS n FROM bank.loans JOIN tax.returns USING (period);

SELECT b.days::text AS d, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY d;

SELECT SUM(b.days::numeric) AS d FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM(b.days) + 0.1e1 AS d FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM(b.days) + 0.1 AS d, SUM(b.days) - 100 AS e, -SUM(b.days) AS f, 2 * SUM(b.days) AS g FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM(b.balance) / SUM(b.days) AS q, SUM(b.balance) / 0 AS z, (SUM(b.days) - SUM(b.days)) / (SUM(b.days) - SUM(b.days)) AS zz FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT ROUND(SUM(b.balance) / COUNT(*), 3) AS a, ROUND(AVG(b.balance) * 1000) AS c, ROUND(SUM(b.huge), -6) AS d FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT - - SUM(b.days) AS x, - SUM(- b.days) AS y FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM(b.days) ^ 2 AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM(b.days) % 2 AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM(b.days) // 2 AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM(b.days) & 1 AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM(b.days) || 'x' AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT SUM(b.days) IS NOT DISTINCT FROM 3 AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

-- answered
SELECT SUM(b.days) IS NULL AS x, SUM(b.days) > 3 AS y, NOT SUM(b.days) BETWEEN 3 AND 4 AS z, COUNT(*) IN (1, 2, 3) AS w FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT GREATEST(SUM(b.days), 3) AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT CASE WHEN SUM(b.days) > 3 THEN 1 ELSE 0 END AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT COALESCE(SUM(b.days), 0) AS x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

SELECT EXTRACT(EPOCH FROM b.since) AS x, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY x;

SELECT EXTRACT(DOW FROM b.since) AS x, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY x;

SELECT DATE_TRUNC('month', b.since) AS x, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY x;

-- answered
SELECT EXTRACT(YEAR FROM b.since) AS y, EXTRACT(QUARTER FROM b.since) AS q, EXTRACT(MONTH FROM b.since) AS m, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY y, q, m;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.since > CURRENT_DATE;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.since > NOW() - INTERVAL '1 year';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.since > '2020-02-30';

-- answered
SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.since > '2020-02-29';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.since > DATE 'infinity';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.since > TIMESTAMP '2020-01-01 00:00:00';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.since BETWEEN 20200101 AND 20201231;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days > 'abc';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class > 3;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.open > FALSE;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.open = 1;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.balance = 'NaN';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.balance > 1e3;

-- answered
SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.balance > .5 AND b.balance < 5000. AND b.days > -0;

-- answered
SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.balance > 0.000000000000000001;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.balance > 0.0000000000000000001;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days < 99999999999999999999999999999999999999999;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days < 0x1F;

-- answered
SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days < 1_000;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.days < $1;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class = E'\\x';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class = $$abc$$;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class = X'1F';

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) WHERE b.class = 'a' 'b';

-- answered
select count(*) as N from BANK.LOANS as B join (select CODE as USCC from REGISTRY.FIRMS) as R using (USCC) where B.OPEN is not null;

-- answered
SELECT "b"."class", COUNT(*) AS "n" FROM "bank"."loans" AS "b" JOIN (SELECT "code" AS "uscc" FROM "registry"."firms") AS "r" USING ("uscc") GROUP BY "b"."class";

-- answered
SELECT b.class /* a comment */, COUNT(*) AS n -- another
FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY b.class;

-- answered
SELECT loans.class, COUNT(*) AS n FROM bank.loans JOIN (SELECT code AS uscc FROM registry.firms) AS r USING (uscc) GROUP BY loans.class;

-- answered
SELECT class, industry, COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) GROUP BY class, industry;

SELECT bank.loans.class, COUNT(*) AS n FROM bank.loans JOIN tax.returns USING (uscc) GROUP BY bank.loans.class, bank.loans.klass;

TABLE bank.loans;

VALUES (1, 2);

EXPLAIN ANALYZE SELECT 1;

SELECT 1;

SELECT;

SELECT COUNT(*);

COPY bank.loans TO '/tmp/x';

SELECT * FROM read_csv('/etc/passwd');

SELECT pg_sleep(10) FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);

PRAGMA version;

SELECT COUNT(*) AS n FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc) FOR UPDATE;

SELECT COUNT(*) AS n INTO x FROM bank.loans AS b JOIN (SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc);
