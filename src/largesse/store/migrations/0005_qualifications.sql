-- What qualifications look through. Each statement can be run again.

-- Vouchers that belong to no campaign, in the order in which they were made.
CREATE INDEX IF NOT EXISTS vouchers_standalone ON vouchers (project_id, created_at, id)
    WHERE campaign_id IS NULL AND active AND deleted_at IS NULL;

-- Rules of campaigns and of promotion tiers, however many single vouchers have.
CREATE INDEX IF NOT EXISTS validation_rule_assignments_defined
    ON validation_rule_assignments (project_id, created_at)
    WHERE related_object_type IN ('campaign', 'promotion_tier');
