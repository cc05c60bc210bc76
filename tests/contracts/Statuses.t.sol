// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {ICouncilDelayed} from "../../contracts/interfaces/ICouncilDelayed.sol";
import {IDepartmentRegistry, Role} from "../../contracts/interfaces/IDepartmentRegistry.sol";
import {IStatusRegistry} from "../../contracts/interfaces/IStatusRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

contract StatusesTest is Fixture {
    uint8 private constant VALID = 0;
    uint8 private constant REVOKED = 1;
    uint8 private constant SUSPENDED = 2;
    uint32 private constant LIST = 6;

    // The naive model: one status per entry.
    mapping(uint32 index => uint8 status) private _model;

    function test_statusesArePackedAsTheTokenStatusListHasThem() public {
        _set(_indices(0), REVOKED);
        _set(_indices(127), SUSPENDED);
        _set(_indices(128), REVOKED);
        vm.assertEq(status.wordOf(CITY, LIST, 0), (uint256(2) << 254) | 1, "word 0");
        vm.assertEq(status.wordOf(CITY, LIST, 1), 1, "word 1");
        vm.assertEq(status.wordOf(CITY, LIST + 1, 0), 0, "another list");
        vm.assertEq(status.wordOf(COUNTY, LIST, 0), 0, "another department");
    }

    function test_theEventTellsAll() public {
        uint32[] memory indices = new uint32[](2);
        (indices[0], indices[1]) = (9, 300);
        vm.expectEmit(true, true, true, true, address(status));
        emit IStatusRegistry.StatusChanged(CITY, LIST, indices, SUSPENDED, CITY);
        _set(indices, SUSPENDED);
    }

    /// @dev Each step packs an index (few, so that they meet) and a status.
    function testFuzz_entriesMatchTheNaiveModel(uint16[24] calldata steps) public {
        for (uint256 i = 0; i < steps.length; ++i) {
            uint32 index = uint32(_bounded(steps[i] >> 2, 20)) * 13;
            uint8 wanted = uint8(_bounded(steps[i], 3));
            bool refused = _model[index] == REVOKED && wanted != REVOKED;
            if (refused) _refuseRevoked(index);
            vm.prank(statusOfficer);
            status.setStatus(CITY, CITY, LIST, _indices(index), wanted);
            if (!refused) _model[index] = wanted;
        }
        for (uint32 index = 0; index < 260; ++index) {
            vm.assertEq(status.statusOf(CITY, LIST, index), _model[index], "status");
        }
    }

    function test_revokedIsFinalSuspendedIsNot() public {
        _set(_indices(5), SUSPENDED);
        _set(_indices(5), VALID);
        _set(_indices(5), SUSPENDED);
        _set(_indices(5), REVOKED);
        _refuseRevoked(5);
        _set(_indices(5), VALID);
        _refuseRevoked(5);
        _set(_indices(5), SUSPENDED);
        _set(_indices(5), REVOKED);
        vm.assertEq(status.statusOf(CITY, LIST, 5), REVOKED, "revoked");
    }

    function test_allOrNone() public {
        _set(_indices(5), REVOKED);
        uint32[] memory indices = new uint32[](2);
        (indices[0], indices[1]) = (4, 5);
        _refuseRevoked(5);
        _set(indices, SUSPENDED);
        vm.assertEq(status.statusOf(CITY, LIST, 4), VALID, "none");
    }

    function test_aListCanBeRevokedInOneCall() public {
        uint32[] memory indices = new uint32[](4_096);
        for (uint32 i = 0; i < indices.length; ++i) {
            indices[i] = i * 256;
        }
        _set(indices, REVOKED);
        vm.assertEq(status.statusOf(CITY, LIST, 4_095 * 256), REVOKED, "the last");
    }

    function test_badBatchesAreRefused() public {
        vm.expectRevert(abi.encodeWithSelector(IStatusRegistry.UnknownStatus.selector, 3));
        _set(_indices(0), 3);
        _refuse(IStatusRegistry.NoIndices.selector);
        _set(new uint32[](0), REVOKED);
        vm.expectRevert(
            abi.encodeWithSelector(IStatusRegistry.TooManyIndices.selector, 4_097, 4_096)
        );
        _set(new uint32[](4_097), REVOKED);
        bytes memory tooLarge = abi.encodeWithSelector(
            IStatusRegistry.IndexTooLarge.selector, 2 ** 20, 2 ** 20 - 1
        );
        vm.expectRevert(tooLarge);
        _set(_indices(2 ** 20), REVOKED);
        vm.expectRevert(tooLarge);
        status.statusOf(CITY, LIST, 2 ** 20);
        _set(_indices(2 ** 20 - 1), REVOKED);
    }

    function testFuzz_nobodyElseChangesAStatus(address caller) public {
        vm.assume(caller != statusOfficer && caller != council);
        uint32[] memory indices = _indices(1);
        vm.startPrank(caller);
        _refuseUnauthorised(CITY, Role.Status, caller);
        status.setStatus(CITY, CITY, LIST, indices, REVOKED);
        _refuseUnauthorised(CITY, Role.Status, caller);
        status.revokeDigest(CITY, CITY, X);
        _refuseUnauthorised(CITY, Role.Status, caller);
        status.revokeRoot(CITY, CITY, X);
        vm.expectRevert(abi.encodeWithSelector(ICouncilDelayed.NotCouncil.selector, caller));
        status.setStatus(NONE, CITY, LIST, indices, REVOKED);
        vm.stopPrank();
    }

    function test_anOfficerActsForItsOwnAndBelow() public {
        uint32[] memory indices = _indices(1);
        vm.startPrank(statusOfficer);
        status.setStatus(CITY, COUNTY, LIST, indices, REVOKED);
        vm.assertEq(status.statusOf(COUNTY, LIST, 1), REVOKED, "below");
        _refuseNotAbove(CITY, PROVINCE);
        status.setStatus(CITY, PROVINCE, LIST, indices, REVOKED);
        _refuseNotAbove(CITY, OTHER_CITY);
        status.revokeDigest(CITY, OTHER_CITY, X);
        _refuseNotAbove(CITY, OTHER);
        status.revokeRoot(CITY, OTHER, X);
        vm.stopPrank();
    }

    function test_theCouncilRevokes() public {
        vm.startPrank(council);
        status.setStatus(NONE, CITY, LIST, _indices(1), REVOKED);
        status.revokeDigest(NONE, CITY, X);
        status.revokeRoot(NONE, CITY, Y);
        _refuseOf(IDepartmentRegistry.UnknownDepartment.selector, STRANGER);
        status.revokeRoot(NONE, STRANGER, Y);
        vm.stopPrank();
        vm.assertEq(status.statusOf(CITY, LIST, 1), REVOKED, "entry");
        vm.assertEq(status.digestRevokedAt(CITY, X), block.number, "digest");
        vm.assertEq(status.rootRevokedAt(CITY, Y), block.number, "root");
    }

    function test_digestsAndRootsAreRevokedOnceForGood() public {
        uint256 first = block.number;
        vm.startPrank(statusOfficer);
        vm.expectEmit(true, true, true, true, address(status));
        emit IStatusRegistry.DigestRevoked(CITY, X, CITY);
        status.revokeDigest(CITY, CITY, X);
        vm.expectEmit(true, true, true, true, address(status));
        emit IStatusRegistry.RootRevoked(CITY, X, CITY);
        status.revokeRoot(CITY, CITY, X);
        bytes32 head = status.head();
        _mine();
        status.revokeDigest(CITY, CITY, X);
        status.revokeRoot(CITY, CITY, X);
        vm.stopPrank();
        vm.assertEq(status.digestRevokedAt(CITY, X), first, "digest");
        vm.assertEq(status.rootRevokedAt(CITY, X), first, "root");
        vm.assertEq(status.head(), head, "no second event");
        vm.assertEq(status.digestRevokedAt(COUNTY, X), 0, "another department's digest");
        vm.assertEq(status.rootRevokedAt(COUNTY, X), 0, "another department's root");
    }

    function test_zerosAreRefused() public {
        vm.startPrank(statusOfficer);
        _refuse(IStatusRegistry.ZeroDigest.selector);
        status.revokeDigest(CITY, CITY, 0);
        _refuse(IStatusRegistry.ZeroDigest.selector);
        status.revokeRoot(CITY, CITY, 0);
        vm.stopPrank();
    }

    function _set(uint32[] memory indices, uint8 wanted) private {
        vm.prank(statusOfficer);
        status.setStatus(CITY, CITY, LIST, indices, wanted);
    }

    function _refuseRevoked(uint32 index) private {
        vm.expectRevert(
            abi.encodeWithSelector(IStatusRegistry.AlreadyRevoked.selector, CITY, LIST, index)
        );
    }
}
