// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {AnchorRegistry} from "../../contracts/AnchorRegistry.sol";
import {DepartmentRegistry} from "../../contracts/DepartmentRegistry.sol";
import {Facts, Query, VerificationView} from "../../contracts/VerificationView.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

/// @notice What the view tells equals what the registries tell one by one.
contract ViewTest is Fixture {
    bytes32 private constant ROOT = keccak256("root");
    bytes32 private constant DIGEST = keccak256("digest");

    function test_theFactsOfAnAnchoredDocument() public {
        vm.prank(cityAdmin);
        departments.registerKey(CITY, KEY, 1, X, Y);
        vm.prank(anchorer);
        anchors.anchor(CITY, ROOT, 64);
        uint256 anchorTime = block.timestamp;
        uint256 anchorBlock = block.number;
        _mine();
        Facts memory facts = inspector.inspect(_query());
        vm.assertEq(facts.chainId, block.chainid, "chain");
        vm.assertEq(facts.blockNumber, block.number, "block");
        vm.assertEq(facts.blockTime, block.timestamp, "block time");
        vm.assertEq(facts.anchorTime, anchorTime, "anchor time");
        vm.assertEq(facts.anchorBlock, anchorBlock, "anchor block");
        vm.assertEq(facts.anchorSize, 64, "anchor size");
        vm.assertEq(facts.key.suite, 1, "suite");
        vm.assertEq(facts.key.x, X, "x");
        vm.assertEq(facts.key.y, Y, "y");
        _assertInterval(facts.key.intervals[0], anchorBlock, 0);
        vm.assertEq(facts.status, 0, "status");
        vm.assertEq(facts.digestRevokedAt, 0, "digest");
        vm.assertEq(facts.rootRevokedAt, 0, "root");
        vm.assertEq(facts.lineage.length, 2, "levels");
        vm.assertEq(facts.lineage[0].code, CITY, "the issuing department first");
        vm.assertEq(facts.lineage[1].code, PROVINCE, "then its parent");
        for (uint256 i = 0; i < 2; ++i) {
            bytes20 code = facts.lineage[i].code;
            vm.assertEq(
                facts.lineage[i].admittedAt, departments.departmentOf(code).admittedAt, "admitted"
            );
            vm.assertEq(
                keccak256(abi.encode(facts.lineage[i].kindIntervals)),
                keccak256(abi.encode(departments.kindHistory(code, KIND))),
                "kind"
            );
            vm.assertEq(
                keccak256(abi.encode(facts.lineage[i].parents)),
                keccak256(abi.encode(departments.parentHistory(code))),
                "parents"
            );
        }
    }

    function test_everyWithdrawalShows() public {
        vm.prank(cityAdmin);
        departments.registerKey(CITY, KEY, 1, X, Y);
        vm.prank(anchorer);
        anchors.anchor(CITY, ROOT, 64);
        _mine();
        vm.startPrank(statusOfficer);
        status.setStatus(CITY, CITY, 2, _indices(300), 2);
        status.revokeDigest(CITY, CITY, DIGEST);
        status.revokeRoot(CITY, CITY, ROOT);
        vm.stopPrank();
        vm.prank(cityAdmin);
        departments.compromiseKey(CITY, CITY, KEY, 7);
        vm.startPrank(council);
        departments.suspend(NONE, PROVINCE);
        departments.withdrawKind(NONE, CITY, KIND);
        vm.stopPrank();
        Facts memory facts = inspector.inspect(_query());
        vm.assertEq(facts.status, 2, "status");
        vm.assertEq(facts.digestRevokedAt, block.number, "digest");
        vm.assertEq(facts.rootRevokedAt, block.number, "root");
        vm.assertEq(facts.key.compromisedSince, 7, "key");
        _assertInterval(facts.lineage[1].suspensions[0], block.number, 0);
        vm.assertEq(facts.lineage[0].suspensions.length, 0, "not its own");
        vm.assertEq(facts.lineage[0].kindIntervals[0].until, block.number, "kind");
    }

    function test_theLineageIsThatOfTheAnchorsBlock() public {
        vm.prank(anchorer);
        anchors.anchor(CITY, ROOT, 64);
        _mine();
        vm.prank(council);
        departments.move(NONE, CITY, OTHER);
        Facts memory facts = inspector.inspect(_query());
        vm.assertEq(facts.lineage[1].code, PROVINCE, "the parent of that time");
        vm.assertEq(facts.lineage[0].parents.length, 2, "the move shows");
        Query memory query = _query();
        query.root = X;
        vm.assertEq(inspector.inspect(query).lineage[1].code, OTHER, "else the parent of now");
    }

    function test_aMoveCountsFromItsOwnBlock() public {
        vm.prank(anchorer);
        anchors.anchor(CITY, ROOT, 64);
        vm.prank(council);
        departments.move(NONE, CITY, OTHER);
        _mine();
        vm.assertEq(inspector.inspect(_query()).lineage[1].code, OTHER, "the block's last parent");
    }

    function test_successorsShow() public {
        vm.startPrank(council);
        departments.close(address(1));
        anchors.close(address(2));
        status.close(address(3));
        vm.stopPrank();
        Facts memory facts = inspector.inspect(_query());
        vm.assertEq(facts.departmentSuccessor, address(1), "departments");
        vm.assertEq(facts.anchorSuccessor, address(2), "anchors");
        vm.assertEq(facts.statusSuccessor, address(3), "statuses");
        vm.assertEq(facts.departmentClosedAt, block.number, "closed at");
    }

    function testFuzz_noQueryReverts(Query calldata query) public view {
        Facts memory facts = inspector.inspect(query);
        vm.assertEq(facts.anchorBlock, 0, "nothing is anchored there");
        vm.assertEq(facts.lineage.length, 0, "nobody is admitted there");
        vm.assertEq(facts.key.suite, 0, "no key");
    }

    function test_registriesMustBelongTogether() public {
        DepartmentRegistry others = new DepartmentRegistry(council, 0);
        AnchorRegistry foreign = new AnchorRegistry(others);
        vm.expectRevert(
            abi.encodeWithSelector(
                VerificationView.RegistriesDiffer.selector, departments, foreign, status
            )
        );
        new VerificationView(departments, foreign, status);
        vm.expectRevert(
            abi.encodeWithSelector(
                VerificationView.RegistriesDiffer.selector, others, foreign, status
            )
        );
        new VerificationView(others, foreign, status);
    }

    function _query() private pure returns (Query memory) {
        return Query({
            department: CITY,
            root: ROOT,
            keyId: KEY,
            kind: KIND,
            digest: DIGEST,
            list: 2,
            index: 300
        });
    }
}
